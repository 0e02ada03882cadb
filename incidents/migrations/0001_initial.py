import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('accounts', '0001_initial'),
        ('monitors', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Maintenance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('everything', models.BooleanField(default=False, help_text='All monitors of the team, new ones too.')),
                ('starts_at', models.DateTimeField(help_text='When it begins for the first time.')),
                ('length', models.PositiveIntegerField(help_text='Seconds.')),
                ('rule', models.CharField(blank=True, help_text='How it recurs: an RRULE (RFC 5545). Empty: once.', max_length=200)),
                ('time_zone', models.CharField(default='UTC', help_text='Whose clock it recurs by.', max_length=64)),
                ('ended_at', models.DateTimeField(blank=True, help_text='Ended early: what began before this moment is over.', null=True)),
                ('current_from', models.DateTimeField(blank=True, help_text='Of the time under way, or the next one.', null=True)),
                ('current_until', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['current_from', 'id'],
            },
        ),
        migrations.CreateModel(
            name='MaintenanceLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Whose it is; the maintenance it starts is called so.', max_length=100)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('used_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('opened', 'Opened'), ('step', 'Drew nearer'), ('settled', 'Steady again, and down'), ('acknowledged', 'Acknowledged'), ('resolved', 'Resolved')], max_length=12)),
                ('key', models.CharField(help_text='Told once for each key, such as “step:14”.', max_length=40)),
                ('text', models.CharField(max_length=300)),
                ('at', models.DateTimeField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('announced_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['created_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='TimelineEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('kind', models.CharField(choices=[('opened', 'Opened'), ('step', 'Drew nearer'), ('acknowledged', 'Acknowledged'), ('flapping', 'Flapping'), ('settled', 'Steady again'), ('comment', 'Comment'), ('note', 'Note'), ('resolved', 'Resolved'), ('reopened', 'Reopened'), ('postmortem', 'Post-mortem')], max_length=12)),
                ('who', models.CharField(blank=True, help_text='Whose doing it was; empty for ours.', max_length=150)),
                ('text', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Transition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('from_status', models.CharField(max_length=12)),
                ('to_status', models.CharField(max_length=12)),
                ('at', models.DateTimeField(help_text='When it happened: the first round that said so.')),
                ('decided_at', models.DateTimeField(help_text='When we were sure.')),
                ('silent', models.BooleanField(default=False, help_text='Nobody needs to hear of it, such as the first success.')),
                ('why', models.JSONField(default=dict)),
                ('config_version', models.PositiveIntegerField(default=1)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('announced_at', models.DateTimeField(blank=True, null=True)),
                ('hold_until', models.DateTimeField(blank=True, help_text='Not announced before: everything failed at once, which may be our own fault.', null=True)),
                ('dropped_at', models.DateTimeField(blank=True, help_text='Never announced: it was over before it was believed.', null=True)),
                ('flapping', models.BooleanField(default=False, help_text='Never announced: quiet, while its monitor keeps going down and coming up.')),
            ],
            options={
                'ordering': ['-decided_at'],
            },
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('outage', 'Outage'), ('certificate', 'Certificate'), ('domain', 'Domain'), ('manual', 'Manual')], default='outage', max_length=12)),
                ('name', models.CharField(blank=True, help_text='What a manual one is called.', max_length=100)),
                ('description', models.TextField(blank=True, help_text='What whoever declared it knew.')),
                ('started_at', models.DateTimeField()),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('resolution', models.CharField(blank=True, choices=[('recovered', 'Recovered'), ('by_hand', 'Resolved by hand'), ('paused', 'Monitor paused'), ('deleted', 'Monitor deleted'), ('renewed', 'Renewed'), ('dropped', 'No longer watched')], max_length=12)),
                ('resolved_name', models.CharField(blank=True, help_text='Who resolved it by hand.', max_length=150)),
                ('flapping_since', models.DateTimeField(blank=True, help_text='Its monitor keeps changing; from the first of these changes.', null=True)),
                ('changes', models.PositiveIntegerField(default=0, help_text='Of status, since its monitor has been flapping.')),
                ('settled_at', models.DateTimeField(blank=True, help_text='When we were sure that it is steady again.', null=True)),
                ('reopened_at', models.DateTimeField(blank=True, help_text='When it was last taken up again.', null=True)),
                ('acknowledged_at', models.DateTimeField(blank=True, help_text='Somebody sees to it: nobody else is told.', null=True)),
                ('acknowledged_name', models.CharField(blank=True, help_text='Who that is, also without an account here.', max_length=150)),
                ('cause', models.CharField(blank=True, help_text='The reason most regions gave.', max_length=32)),
                ('summary', models.CharField(help_text='The cause in a sentence.', max_length=300)),
                ('regions', models.JSONField(default=list, help_text='Names of the regions that saw it down.')),
                ('votes', models.JSONField(default=dict, help_text='Why it was opened: votes, need, rounds.')),
                ('expires_at', models.DateTimeField(blank=True, help_text='The end of the certificate or domain.', null=True)),
                ('step', models.PositiveSmallIntegerField(blank=True, help_text='The threshold last told of: so many days before the end.', null=True)),
                ('postmortem', models.TextField(blank=True, help_text='What was learnt, in Markdown.')),
                ('acknowledged_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-started_at', '-id'],
            },
        ),
        migrations.AddField(
            model_name='incident',
            name='monitor',
            field=models.ForeignKey(blank=True, help_text='Empty for a manual one that is about something else.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='incidents', to='monitors.monitor'),
        ),
        migrations.AddField(
            model_name='incident',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='incidents', to='accounts.team'),
        ),
        migrations.AddField(
            model_name='maintenance',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='maintenance',
            name='monitors',
            field=models.ManyToManyField(blank=True, related_name='maintenances', to='monitors.monitor'),
        ),
        migrations.AddField(
            model_name='maintenance',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='maintenances', to='accounts.team'),
        ),
        migrations.AddField(
            model_name='maintenancelink',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='maintenancelink',
            name='maintenance',
            field=models.OneToOneField(blank=True, help_text='What it started last.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='link', to='incidents.maintenance'),
        ),
        migrations.AddField(
            model_name='maintenancelink',
            name='monitor',
            field=models.ForeignKey(blank=True, help_text='Empty: all of the team.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='monitors.monitor'),
        ),
        migrations.AddField(
            model_name='maintenancelink',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='maintenance_links', to='accounts.team'),
        ),
        migrations.AddField(
            model_name='notice',
            name='incident',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='incidents.incident'),
        ),
        migrations.AddField(
            model_name='timelineentry',
            name='incident',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='timeline', to='incidents.incident'),
        ),
        migrations.AddField(
            model_name='transition',
            name='monitor',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='transitions', to='monitors.monitor'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['team', '-started_at'], name='incident_team'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('resolved_at', None), models.Q(('kind', 'manual'), _negated=True)), fields=('monitor', 'kind'), name='one_open_incident'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'manual'), ('monitor__isnull', False), _connector='OR'), name='incident_of_a_monitor'),
        ),
        migrations.AddIndex(
            model_name='maintenance',
            index=models.Index(condition=models.Q(('current_from__isnull', False)), fields=['current_from'], name='maintenance_current'),
        ),
        migrations.AddIndex(
            model_name='notice',
            index=models.Index(condition=models.Q(('announced_at', None)), fields=['created_at'], name='notice_outbox'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.UniqueConstraint(fields=('incident', 'key'), name='notice_once'),
        ),
        migrations.AddIndex(
            model_name='transition',
            index=models.Index(condition=models.Q(('announced_at', None), ('dropped_at', None), ('flapping', False), ('silent', False)), fields=['created_at'], name='outbox'),
        ),
        migrations.AddIndex(
            model_name='transition',
            index=models.Index(condition=models.Q(('announced_at', None), ('dropped_at', None), ('flapping', False), ('hold_until__isnull', False), ('silent', False)), fields=['hold_until'], name='outbox_held'),
        ),
        migrations.AddIndex(
            model_name='transition',
            index=models.Index(fields=['created_at'], name='transition_created'),
        ),
        migrations.AddConstraint(
            model_name='transition',
            constraint=models.UniqueConstraint(fields=('monitor', 'at', 'to_status'), name='transition_once'),
        ),
    ]
