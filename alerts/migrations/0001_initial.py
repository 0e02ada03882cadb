import alerts.domain.escalation
import alerts.models
import django.contrib.postgres.fields
import django.db.models.deletion
import uptime.lib.fields
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('incidents', '0001_initial'),
        ('accounts', '0001_initial'),
        ('monitors', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Alarm',
            fields=[
                ('incident', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='alarm', serialize=False, to='incidents.incident')),
                ('begun_at', models.DateTimeField()),
                ('severity', models.CharField(choices=[(alerts.domain.escalation.Severity['LOW'], 'Low'), (alerts.domain.escalation.Severity['HIGH'], 'High'), (alerts.domain.escalation.Severity['CRITICAL'], 'Critical')], default=alerts.domain.escalation.Severity['HIGH'], max_length=8)),
                ('next_at', models.DateTimeField(blank=True, help_text='Empty: as things stand nothing more is due.', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Channel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('name', models.CharField(max_length=100)),
                ('options', models.JSONField(default=dict, help_text='The options of the kind.')),
                ('secrets', uptime.lib.fields.EncryptedJSONField(help_text='The options of the kind that nobody may read.', null=True)),
                ('severities', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[(alerts.domain.escalation.Severity['LOW'], 'Low'), (alerts.domain.escalation.Severity['HIGH'], 'High'), (alerts.domain.escalation.Severity['CRITICAL'], 'Critical')], max_length=8), default=alerts.models.all_severities, help_text='What a member wants to hear of here.', size=None)),
                ('per_minute', models.PositiveSmallIntegerField(default=20, help_text='Messages; the rest comes in a digest.')),
                ('per_hour', models.PositiveIntegerField(default=200, help_text='Messages; the rest comes in a digest.')),
                ('automatic', models.BooleanField(default=False, editable=False, help_text="Made by us, for a member's account email.")),
                ('enabled', models.BooleanField(default=True)),
                ('disabled_reason', models.CharField(blank=True, help_text='Why it was switched off, if not by hand.', max_length=500)),
                ('disabled_at', models.DateTimeField(blank=True, null=True)),
                ('last_ok_at', models.DateTimeField(blank=True, null=True)),
                ('last_failed_at', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, max_length=500)),
                ('digest_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, help_text='Its key for the receiver.', unique=True)),
                ('channel_name', models.CharField(max_length=100)),
                ('channel_kind', models.CharField(max_length=20)),
                ('event', models.CharField(choices=[('down', 'Down'), ('reminder', 'Reminder'), ('up', 'Up'), ('expiry', 'Expiry'), ('digest', 'Digest'), ('channel', 'Channel'), ('test', 'Test')], max_length=10)),
                ('severity', models.CharField(choices=[(alerts.domain.escalation.Severity['LOW'], 'Low'), (alerts.domain.escalation.Severity['HIGH'], 'High'), (alerts.domain.escalation.Severity['CRITICAL'], 'Critical')], default=alerts.domain.escalation.Severity['HIGH'], max_length=8)),
                ('key', models.CharField(help_text='Said once for each key.', max_length=120, unique=True)),
                ('first', models.BooleanField(default=True, help_text='Of the first step, which no acknowledgement stops.')),
                ('why', models.CharField(help_text='Why it is sent, and when.', max_length=300)),
                ('note', models.TextField(blank=True, help_text='What it says where no incident does.')),
                ('status', models.CharField(choices=[('pending', 'Waiting'), ('sending', 'Being sent'), ('failed', 'Trying again'), ('sent', 'Sent'), ('kept', 'Kept, not sent'), ('digested', 'In a digest'), ('dead', 'Given up'), ('cancelled', 'Not needed')], default='pending', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(help_text='When it was to be sent.')),
                ('next_attempt_at', models.DateTimeField(help_text='While it is being sent: until when it is left alone.')),
                ('tried_at', models.DateTimeField(blank=True, help_text='The first attempt.', null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('answer', models.CharField(blank=True, help_text="The provider's, or what went wrong.", max_length=500)),
                ('reference', models.CharField(blank=True, help_text="The provider's name for it.", max_length=200)),
                ('title', models.CharField(blank=True, max_length=300)),
                ('text', models.TextField(blank=True)),
                ('html', models.TextField(blank=True)),
                ('body', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='MonitorPolicy',
            fields=[
                ('monitor', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='alerting', serialize=False, to='monitors.monitor')),
                ('severity', models.CharField(choices=[(alerts.domain.escalation.Severity['LOW'], 'Low'), (alerts.domain.escalation.Severity['HIGH'], 'High'), (alerts.domain.escalation.Severity['CRITICAL'], 'Critical')], default=alerts.domain.escalation.Severity['HIGH'], max_length=8)),
            ],
            options={
                'verbose_name_plural': 'monitor policies',
            },
        ),
        migrations.CreateModel(
            name='Policy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('is_default', models.BooleanField(default=False, help_text='For monitors that name no other.')),
                ('repeats', models.PositiveSmallIntegerField(default=0, help_text='Until somebody acknowledges.')),
                ('repeat_every', models.PositiveIntegerField(default=1800, help_text='Seconds from the last step to the first again.')),
                ('remind_every', models.PositiveIntegerField(default=0, help_text='Seconds; 0 never.')),
                ('tell_recovery', models.BooleanField(default=True)),
                ('tell_expiry', models.BooleanField(default=True)),
                ('quiet_from', models.TimeField(blank=True, null=True)),
                ('quiet_to', models.TimeField(blank=True, null=True)),
                ('quiet_zone', models.CharField(blank=True, max_length=64)),
                ('quiet_days', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), blank=True, default=list, help_text='0 is Monday.', size=None)),
                ('quiet_up_to', models.CharField(choices=[(alerts.domain.escalation.Severity['LOW'], 'Low'), (alerts.domain.escalation.Severity['HIGH'], 'High'), (alerts.domain.escalation.Severity['CRITICAL'], 'Critical')], default=alerts.domain.escalation.Severity['LOW'], max_length=8)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name_plural': 'policies',
                'ordering': ['-is_default', 'name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Step',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('after', models.PositiveIntegerField(default=0, help_text='Seconds from the beginning of the alert.')),
                ('whom', models.CharField(choices=[('channel', 'Channel'), ('member', 'Member'), ('owners', 'Owners'), ('team', 'Team')], max_length=8)),
                ('severities', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[(alerts.domain.escalation.Severity['LOW'], 'Low'), (alerts.domain.escalation.Severity['HIGH'], 'High'), (alerts.domain.escalation.Severity['CRITICAL'], 'Critical')], max_length=8), default=alerts.models.all_severities, size=None)),
            ],
            options={
                'ordering': ['position', 'id'],
            },
        ),
        migrations.AddIndex(
            model_name='alarm',
            index=models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='alarm_next'),
        ),
        migrations.AddField(
            model_name='channel',
            name='fallback',
            field=models.ForeignKey(blank=True, help_text='Told when this one fails.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='alerts.channel'),
        ),
        migrations.AddField(
            model_name='channel',
            name='member',
            field=models.ForeignKey(blank=True, help_text="Whose own it is: used where a policy names this member. Empty: the team's.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='channels', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='channel',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='channels', to='accounts.team'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='channel',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='alerts.channel'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='digest',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='parts', to='alerts.delivery'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='incident',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='incidents.incident'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='instead_of',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='substitutes', to='alerts.delivery'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='notice',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='incidents.notice'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='accounts.team'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='transition',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='incidents.transition'),
        ),
        migrations.AddField(
            model_name='policy',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='policies', to='accounts.team'),
        ),
        migrations.AddField(
            model_name='monitorpolicy',
            name='policy',
            field=models.ForeignKey(blank=True, help_text='Empty: the default.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='monitors', to='alerts.policy'),
        ),
        migrations.AddField(
            model_name='step',
            name='channel',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='alerts.channel'),
        ),
        migrations.AddField(
            model_name='step',
            name='member',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='step',
            name='policy',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='alerts.policy'),
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.UniqueConstraint(condition=models.Q(('automatic', True)), fields=('team', 'member', 'kind'), name='one_automatic_channel'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('status__in', ('pending', 'sending', 'failed'))), fields=['next_attempt_at'], name='delivery_outbox'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['channel', '-finished_at'], name='delivery_channel'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['incident', 'channel'], name='delivery_incident'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['team', '-id'], name='delivery_team'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('status', 'dead')), fields=['team'], name='delivery_dead'),
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('team',), name='one_default_policy'),
        ),
        migrations.AddConstraint(
            model_name='step',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('channel__isnull', False), ('member', None), ('whom', 'channel')), models.Q(('channel', None), ('member__isnull', False), ('whom', 'member')), models.Q(('channel', None), ('member', None), ('whom__in', ['owners', 'team'])), _connector='OR'), name='step_names_whom'),
        ),
    ]
