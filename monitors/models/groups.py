"""Which monitors a group is made of, to be found from either side; its options say the same."""

from django.db import models

from monitors.models.monitors import Monitor


class GroupMember(models.Model):
    group = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="members")
    member = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="groups")
    weight = models.PositiveSmallIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "member"], name="group_member_once")]

    def __str__(self):
        return f"{self.member_id} in {self.group_id}"
