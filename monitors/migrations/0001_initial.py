
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import monitors.domain.heartbeat
import monitors.domain.verdict
import monitors.models.heartbeats
import uptime.lib.fields
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ArchivedDay',
            fields=[
                ('day', models.DateField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField(help_text='When it began.')),
                ('rows', models.BigIntegerField(default=0)),
                ('bytes', models.BigIntegerField(default=0)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('error', models.TextField(blank=True, help_text='Why it failed; the day stays in the database and is tried again.')),
                ('kept_until', models.DateTimeField(help_text='It was read back: until then it is not dropped again.', null=True)),
            ],
            options={
                'ordering': ['-day'],
            },
        ),
        migrations.CreateModel(
            name='DeadLetter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('received_at', models.DateTimeField(auto_now_add=True)),
                ('region', models.CharField(blank=True, max_length=32)),
                ('kind', models.CharField(default='message', help_text='A whole message, or one outcome of it.', max_length=10)),
                ('error', models.TextField()),
                ('payload', models.TextField()),
                ('tries', models.PositiveSmallIntegerField(default=0, help_text='How often it was tried again by hand.')),
                ('tried_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['-received_at'],
            },
        ),
        migrations.CreateModel(
            name='Monitor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(default='http', max_length=20)),
                ('target', models.CharField(help_text='What is checked: for a website its address, for a heartbeat its short name.', max_length=2048)),
                ('domain', models.CharField(blank=True, help_text='Whose servers its checks go to; empty where they need no sparing.', max_length=253)),
                ('interval', models.PositiveIntegerField(help_text='Seconds between checks.')),
                ('timeout_ms', models.PositiveIntegerField(help_text='Milliseconds until a check counts as failed.')),
                ('options', models.JSONField(default=dict, help_text='The options of the kind.')),
                ('secrets', uptime.lib.fields.EncryptedJSONField(help_text='The options of the kind that nobody may read.', null=True)),
                ('quorum', models.CharField(choices=[('majority', 'MAJORITY'), ('any', 'ANY'), ('all', 'ALL'), ('at_least', 'AT_LEAST')], default='majority', max_length=10)),
                ('at_least', models.PositiveSmallIntegerField(default=2, help_text='Regions that must agree, for `at least`.')),
                ('confirm', models.PositiveSmallIntegerField(default=2, help_text='Failed rounds until it counts as down.')),
                ('recover', models.PositiveSmallIntegerField(default=2, help_text='Good rounds until it counts as up again.')),
                ('confirmation_period', models.PositiveIntegerField(default=0, help_text='Seconds a failure must last at least.')),
                ('recovery_period', models.PositiveIntegerField(default=0, help_text='Seconds a recovery must last at least.')),
                ('when_blind', models.CharField(choices=[('stand_in', 'Another region looks'), ('wait', 'It waits for them')], default='stand_in', help_text='What happens while none of its regions can look.', max_length=8)),
                ('paused', models.BooleanField(default=False)),
                ('config_version', models.PositiveIntegerField(default=1)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='monitors', to='accounts.team')),
            ],
            options={
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Pulse',
            fields=[
                ('name', models.CharField(max_length=20, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('since', models.DateTimeField()),
                ('took_ms', models.FloatField(help_text='How long its last work took.', null=True)),
                ('done', models.PositiveBigIntegerField(default=0, help_text='How much it has done in all: runs, checks or ticks.')),
            ],
        ),
        migrations.CreateModel(
            name='Region',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('slug', models.SlugField(help_text='REGION_ID of its workers, such as eu-west.', max_length=32, unique=True)),
                ('name', models.CharField(max_length=60)),
                ('key', uptime.lib.fields.EncryptedJSONField()),
                ('enabled', models.BooleanField(default=True)),
                ('public_addresses', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=49), blank=True, default=list, help_text='Where its checks come from, as targets see it.', size=None)),
                ('same_machine', models.BooleanField(default=False, help_text='Its worker is started by `make run` here.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['slug'],
            },
        ),
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('monitor', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='monitors.monitor')),
                ('uuid', models.UUIDField(default=uuid.uuid4, unique=True)),
                ('token', models.CharField(default=monitors.models.heartbeats.new_token, max_length=64, unique=True)),
                ('pings', models.PositiveBigIntegerField(default=0, help_text='How many there were; the number of the last one.')),
                ('last_ping_at', models.DateTimeField(help_text='The last success or failure.', null=True)),
                ('runs', models.JSONField(default=dict, help_text='Run id to the moment it began, of runs that have not ended.')),
                ('expected_from', models.DateTimeField(help_text='Due times count from here at the earliest.')),
                ('due_at', models.DateTimeField(help_text='When the next ping is due, while it is up.', null=True)),
                ('look_at', models.DateTimeField(help_text='When time alone changes something: the judge looks then.', null=True)),
                ('quick_period', models.PositiveIntegerField(null=True)),
                ('quick_grace', models.PositiveIntegerField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='RolledUp',
            fields=[
                ('monitor', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='rolled_up', serialize=False, to='monitors.monitor')),
                ('until', models.DateTimeField(help_text='The begin of the first five minutes that are not rolled up.')),
            ],
        ),
        migrations.CreateModel(
            name='Schedule',
            fields=[
                ('monitor', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='monitors.monitor')),
                ('next_slot_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='State',
            fields=[
                ('monitor', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='monitors.monitor')),
                ('status', models.CharField(choices=[(monitors.domain.verdict.Status['PENDING'], 'Pending'), (monitors.domain.verdict.Status['UP'], 'Up'), (monitors.domain.verdict.Status['DOWN'], 'Down'), (monitors.domain.verdict.Status['VALIDATING'], 'Validating'), (monitors.domain.verdict.Status['NODATA'], 'No data'), (monitors.domain.verdict.Status['MAINTENANCE'], 'Maintenance'), (monitors.domain.verdict.Status['PAUSED'], 'Paused')], default=monitors.domain.verdict.Status['PENDING'], max_length=12)),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
                ('maintenance_from', models.DateTimeField(help_text='Of the maintenance it is in, was in last, or is near.', null=True)),
                ('maintenance_until', models.DateTimeField(help_text='From this slot on it is judged as ever.', null=True)),
                ('verdict', models.CharField(default='pending', max_length=12)),
                ('streak', models.PositiveSmallIntegerField(default=0)),
                ('streak_first', models.DateTimeField(null=True)),
                ('undecided', models.PositiveIntegerField(default=0)),
                ('undecided_first', models.DateTimeField(null=True)),
                ('last_decided', models.DateTimeField(default=django.utils.timezone.now)),
                ('nodata_since', models.DateTimeField(null=True)),
                ('judged_until', models.DateTimeField(default=django.utils.timezone.now, help_text='Slots up to here are closed.')),
                ('accounted_until', models.DateTimeField(default=django.utils.timezone.now, help_text='Every region has a tick for every slot up to here.')),
                ('sweep_at', models.DateTimeField(help_text='When the first slot not accounted for is overdue.', null=True)),
                ('partial', models.BooleanField(default=False, help_text='Some, but too few, regions see it down.')),
                ('degraded', models.BooleanField(default=False, help_text='Most regions that saw it up in its last complete round saw it degraded.')),
                ('late', models.BooleanField(default=False, help_text='A heartbeat that is due, in its time of grace.')),
                ('turns', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), default=list, help_text='When it last went down or came up.', size=None)),
                ('flapping_since', models.DateTimeField(help_text='It keeps changing; from the first of these changes.', null=True)),
                ('last_slot', models.DateTimeField(null=True)),
                ('last_checked_at', models.DateTimeField(null=True)),
                ('last_vote', models.CharField(blank=True, max_length=6)),
                ('last_reason', models.CharField(blank=True, max_length=32)),
                ('last_detail', models.CharField(blank=True, max_length=300)),
                ('last_response_ms', models.FloatField(null=True)),
                ('expires_at', models.DateTimeField(help_text='When its certificate or domain ends: the earliest seen.', null=True)),
                ('recent', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), default=list, help_text='Newest last: ms, or -1 down, -2 no data.', size=None)),
                ('late_outcomes', models.PositiveIntegerField(default=0, help_text='Came after their round was closed; not stored.')),
            ],
        ),
        migrations.CreateModel(
            name='GroupMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('weight', models.PositiveSmallIntegerField(default=1)),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='monitors.monitor')),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='groups', to='monitors.monitor')),
            ],
        ),
        migrations.CreateModel(
            name='Gap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('start', models.DateTimeField()),
                ('end', models.DateTimeField()),
                ('reason', models.CharField(max_length=32)),
                ('monitor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='gaps', to='monitors.monitor')),
            ],
            options={
                'ordering': ['-start'],
            },
        ),
        migrations.CreateModel(
            name='ExtraSlot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.DateTimeField()),
                ('cause', models.CharField(choices=[('first', 'first check'), ('manual', 'check now'), ('recheck', 'second look')], max_length=10)),
                ('claimed_at', models.DateTimeField(null=True)),
                ('monitor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='extra_slots', to='monitors.monitor')),
            ],
        ),
        migrations.CreateModel(
            name='IngestGap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('start', models.DateTimeField()),
                ('end', models.DateTimeField()),
            ],
            options={
                'ordering': ['-start'],
                'indexes': [models.Index(fields=['end'], name='ingest_gap_end')],
            },
        ),
        migrations.CreateModel(
            name='Pace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('every', models.PositiveSmallIntegerField(default=1, help_text='Of the slots, every n-th is kept ...')),
                ('not_before', models.DateTimeField(help_text='... and none before this moment.', null=True)),
                ('start', models.DateTimeField(help_text='The first slot it holds for; empty until it begins.', null=True)),
                ('end', models.DateTimeField(help_text='The first slot it no longer holds for; empty while it lasts.', null=True)),
                ('monitor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='paces', to='monitors.monitor')),
            ],
            options={
                'ordering': ['monitor', 'id'],
            },
        ),
        migrations.AddField(
            model_name='monitor',
            name='regions',
            field=models.ManyToManyField(related_name='monitors', to='monitors.region'),
        ),
        migrations.CreateModel(
            name='HourRollup',
            fields=[
                ('pk', models.CompositePrimaryKey('monitor_id', 'region_id', 'start', blank=True, editable=False, primary_key=True, serialize=False)),
                ('start', models.DateTimeField()),
                ('up', models.PositiveIntegerField()),
                ('down', models.PositiveIntegerField()),
                ('nodata', models.PositiveIntegerField()),
                ('low', uptime.lib.fields.RealField(null=True)),
                ('high', uptime.lib.fields.RealField(null=True)),
                ('response_sum', uptime.lib.fields.RealField(null=True)),
                ('dns_sum', uptime.lib.fields.RealField(null=True)),
                ('connect_sum', uptime.lib.fields.RealField(null=True)),
                ('tls_sum', uptime.lib.fields.RealField(null=True)),
                ('first_byte_sum', uptime.lib.fields.RealField(null=True)),
                ('transfer_sum', uptime.lib.fields.RealField(null=True)),
                ('histogram', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), default=list, help_text='Packed as domain.histogram says.', size=None)),
                ('monitor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='monitors.monitor')),
                ('region', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='monitors.region')),
            ],
        ),
        migrations.CreateModel(
            name='FiveMinuteRollup',
            fields=[
                ('pk', models.CompositePrimaryKey('monitor_id', 'region_id', 'start', blank=True, editable=False, primary_key=True, serialize=False)),
                ('start', models.DateTimeField()),
                ('up', models.PositiveIntegerField()),
                ('down', models.PositiveIntegerField()),
                ('nodata', models.PositiveIntegerField()),
                ('low', uptime.lib.fields.RealField(null=True)),
                ('high', uptime.lib.fields.RealField(null=True)),
                ('response_sum', uptime.lib.fields.RealField(null=True)),
                ('dns_sum', uptime.lib.fields.RealField(null=True)),
                ('connect_sum', uptime.lib.fields.RealField(null=True)),
                ('tls_sum', uptime.lib.fields.RealField(null=True)),
                ('first_byte_sum', uptime.lib.fields.RealField(null=True)),
                ('transfer_sum', uptime.lib.fields.RealField(null=True)),
                ('histogram', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), default=list, help_text='Packed as domain.histogram says.', size=None)),
                ('monitor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='monitors.monitor')),
                ('region', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='monitors.region')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Expiry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('expires_at', models.DateTimeField()),
                ('since', models.DateTimeField(help_text='The first slot in which the region saw this end.')),
                ('seen_at', models.DateTimeField(help_text='A slot in which it did, noted every few hours.')),
                ('config_version', models.PositiveIntegerField()),
                ('monitor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='expiries', to='monitors.monitor')),
                ('region', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='monitors.region')),
            ],
            options={
                'verbose_name_plural': 'expiries',
            },
        ),
        migrations.CreateModel(
            name='Evidence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.DateTimeField()),
                ('vote', models.CharField(max_length=6)),
                ('run', models.PositiveIntegerField(help_text='How many of this vote were kept one after another, up to this one.')),
                ('bundle', models.JSONField(help_text='What was seen; see docs/evidence.md.')),
                ('monitor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='evidence', to='monitors.monitor')),
                ('region', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='monitors.region')),
            ],
            options={
                'verbose_name_plural': 'evidence',
                'ordering': ['-slot', 'region'],
            },
        ),
        migrations.CreateModel(
            name='DayRollup',
            fields=[
                ('pk', models.CompositePrimaryKey('monitor_id', 'region_id', 'start', blank=True, editable=False, primary_key=True, serialize=False)),
                ('start', models.DateTimeField()),
                ('up', models.PositiveIntegerField()),
                ('down', models.PositiveIntegerField()),
                ('nodata', models.PositiveIntegerField()),
                ('low', uptime.lib.fields.RealField(null=True)),
                ('high', uptime.lib.fields.RealField(null=True)),
                ('response_sum', uptime.lib.fields.RealField(null=True)),
                ('dns_sum', uptime.lib.fields.RealField(null=True)),
                ('connect_sum', uptime.lib.fields.RealField(null=True)),
                ('tls_sum', uptime.lib.fields.RealField(null=True)),
                ('first_byte_sum', uptime.lib.fields.RealField(null=True)),
                ('transfer_sum', uptime.lib.fields.RealField(null=True)),
                ('histogram', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), default=list, help_text='Packed as domain.histogram says.', size=None)),
                ('monitor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='monitors.monitor')),
                ('region', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='monitors.region')),
            ],
        ),
        migrations.CreateModel(
            name='Bucket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('domain', models.CharField(max_length=253)),
                ('free_at', models.DateTimeField()),
                ('region', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='monitors.region')),
            ],
        ),
        migrations.CreateModel(
            name='RegionTrouble',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('offline', 'Offline'), ('skewed', 'Clock is off'), ('canary', 'Canaries fail'), ('disagrees', 'Disagrees with the others'), ('impaired', 'Cannot look')], max_length=12)),
                ('start', models.DateTimeField()),
                ('end', models.DateTimeField(null=True)),
                ('doubted_from', models.DateTimeField(help_text='Votes of slots from here to the end are no data, in rounds that were not closed. Empty: none are.', null=True)),
                ('clean_since', models.DateTimeField(help_text='Since when nothing is wrong any more, while we wait.', null=True)),
                ('detail', models.CharField(blank=True, max_length=300)),
                ('region', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='troubles', to='monitors.region')),
            ],
            options={
                'ordering': ['-start'],
            },
        ),
        migrations.CreateModel(
            name='RegionWorker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('started_at', models.DateTimeField()),
                ('heard_at', models.DateTimeField(help_text='When its last sign of life was read here.')),
                ('in_band_at', models.DateTimeField(help_text='When it sent that sign: what it sent earlier has arrived too.')),
                ('in_flight', models.PositiveIntegerField(default=0)),
                ('lag_ms', models.FloatField(default=0, help_text="How late its engine's own loop runs.")),
                ('version', models.CharField(blank=True, max_length=20)),
                ('clock_ms', models.FloatField(help_text='How far its clock is ahead of ours; empty while we cannot tell.', null=True)),
                ('canaries', models.JSONField(default=list, help_text='What it last saw of sites known to be up, or known to be down.')),
                ('addresses', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=49), default=list, help_text='Where its checks come from, as far as it can tell.', size=None)),
                ('region', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='workers', to='monitors.region')),
            ],
        ),
        migrations.CreateModel(
            name='Round',
            fields=[
                ('pk', models.CompositePrimaryKey('monitor_id', 'slot', blank=True, editable=False, primary_key=True, serialize=False)),
                ('slot', models.DateTimeField()),
                ('eligible', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), help_text='Frozen when the slot was dispatched.', size=None)),
                ('stand_ins', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), default=list, help_text='Of the eligible ones, those that look in place of others.', size=None)),
                ('votes', models.JSONField(default=dict, help_text='Region id to vote, once closed.')),
                ('need', models.PositiveSmallIntegerField(default=0)),
                ('config_version', models.PositiveIntegerField()),
                ('verdict', models.CharField(blank=True, help_text='Empty while open.', max_length=6)),
                ('partial', models.BooleanField(default=False)),
                ('closed_at', models.DateTimeField(null=True)),
                ('monitor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='rounds', to='monitors.monitor')),
            ],
            options={
                'ordering': ['-slot'],
            },
        ),
        migrations.CreateModel(
            name='StatusInterval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[(monitors.domain.verdict.Status['PENDING'], 'Pending'), (monitors.domain.verdict.Status['UP'], 'Up'), (monitors.domain.verdict.Status['DOWN'], 'Down'), (monitors.domain.verdict.Status['VALIDATING'], 'Validating'), (monitors.domain.verdict.Status['NODATA'], 'No data'), (monitors.domain.verdict.Status['MAINTENANCE'], 'Maintenance'), (monitors.domain.verdict.Status['PAUSED'], 'Paused')], max_length=12)),
                ('start', models.DateTimeField()),
                ('end', models.DateTimeField(null=True)),
                ('monitor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='intervals', to='monitors.monitor')),
            ],
            options={
                'ordering': ['monitor', 'start'],
            },
        ),
        migrations.CreateModel(
            name='TestRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('due_at', models.DateTimeField(help_text='Nothing is waited for after this.')),
                ('expires_at', models.DateTimeField(help_text='What comes later is ignored, and this removed.')),
                ('checks', models.JSONField(help_text='What is checked, in order: key, kind, target as it may be shown, timeout_ms.')),
                ('address', uptime.lib.fields.EncryptedJSONField(help_text='What was typed, where a proposal is to be made of it.', null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('monitor', models.ForeignKey(help_text='Whose settings they are.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='test_runs', to='monitors.monitor')),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='test_runs', to='accounts.team')),
            ],
        ),
        migrations.CreateModel(
            name='TestAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField(help_text="Which of the run's checks.")),
                ('trouble', models.CharField(blank=True, choices=[('offline', 'Offline'), ('off', 'Switched off'), ('unsent', 'Not sent')], max_length=8)),
                ('came_at', models.DateTimeField(null=True)),
                ('outcome', models.JSONField(help_text='The outcome as it travels: monitors.probes.base.Outcome.', null=True)),
                ('region', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='monitors.region')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='answers', to='monitors.testrun')),
            ],
        ),
        migrations.CreateModel(
            name='Tick',
            fields=[
                ('pk', models.CompositePrimaryKey('monitor_id', 'region_id', 'slot', blank=True, editable=False, primary_key=True, serialize=False)),
                ('slot', models.DateTimeField()),
                ('vote', models.CharField(max_length=6)),
                ('reason', models.CharField(blank=True, max_length=32)),
                ('config_version', models.PositiveIntegerField()),
                ('started_at', models.DateTimeField(null=True)),
                ('response_ms', models.FloatField(null=True)),
                ('dns_ms', models.FloatField(null=True)),
                ('connect_ms', models.FloatField(null=True)),
                ('tls_ms', models.FloatField(null=True)),
                ('first_byte_ms', models.FloatField(null=True)),
                ('transfer_ms', models.FloatField(null=True)),
                ('status_code', models.PositiveSmallIntegerField(null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=1)),
                ('address', models.CharField(blank=True, max_length=64)),
                ('detail', models.CharField(blank=True, max_length=300)),
                ('degraded', models.BooleanField(default=False, help_text='Up, and worse than the monitor asks for.')),
                ('retry_after_s', models.PositiveIntegerField(help_text='How long the target asks us to stay away.', null=True)),
                ('monitor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='ticks', to='monitors.monitor')),
                ('region', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='monitors.region')),
            ],
            options={
                'ordering': ['-slot'],
            },
        ),
        migrations.CreateModel(
            name='Ping',
            fields=[
                ('pk', models.CompositePrimaryKey('heartbeat_id', 'n', blank=True, editable=False, primary_key=True, serialize=False)),
                ('n', models.PositiveBigIntegerField()),
                ('kind', models.CharField(choices=[(monitors.domain.heartbeat.PingKind['SUCCESS'], 'Success'), (monitors.domain.heartbeat.PingKind['START'], 'Start'), (monitors.domain.heartbeat.PingKind['FAIL'], 'Failure'), (monitors.domain.heartbeat.PingKind['LOG'], 'Log'), (monitors.domain.heartbeat.PingKind['IGNORED'], 'Ignored')], max_length=8)),
                ('received_at', models.DateTimeField()),
                ('exit_code', models.PositiveSmallIntegerField(null=True)),
                ('duration_ms', models.FloatField(null=True)),
                ('run', models.CharField(blank=True, help_text='The rid it named.', max_length=36)),
                ('method', models.CharField(max_length=10)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('user_agent', models.CharField(blank=True, max_length=200)),
                ('body', models.BinaryField(null=True)),
                ('body_size', models.PositiveIntegerField(default=0, help_text='Bytes it had, of which the first are kept.')),
                ('heartbeat', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='log', to='monitors.heartbeat')),
            ],
            options={
                'ordering': ['-n'],
            },
        ),
        migrations.AddIndex(
            model_name='heartbeat',
            index=models.Index(condition=models.Q(('look_at__isnull', False)), fields=['look_at'], name='heartbeat_look'),
        ),
        migrations.AddIndex(
            model_name='schedule',
            index=models.Index(condition=models.Q(('next_slot_at__isnull', False)), fields=['next_slot_at'], name='schedule_due'),
        ),
        migrations.AddIndex(
            model_name='state',
            index=models.Index(condition=models.Q(('sweep_at__isnull', False)), fields=['sweep_at'], name='state_sweep'),
        ),
        migrations.AddIndex(
            model_name='state',
            index=models.Index(condition=models.Q(('maintenance_until__isnull', False)), fields=['maintenance_until'], name='state_maintenance'),
        ),
        migrations.AddIndex(
            model_name='state',
            index=models.Index(condition=models.Q(('flapping_since__isnull', False)), fields=['flapping_since'], name='state_flapping'),
        ),
        migrations.AddConstraint(
            model_name='groupmember',
            constraint=models.UniqueConstraint(fields=('group', 'member'), name='group_member_once'),
        ),
        migrations.AddIndex(
            model_name='gap',
            index=models.Index(fields=['monitor', 'end'], name='gap_end'),
        ),
        migrations.AddIndex(
            model_name='gap',
            index=models.Index(fields=['end'], name='gap_recent'),
        ),
        migrations.AddIndex(
            model_name='extraslot',
            index=models.Index(condition=models.Q(('claimed_at', None)), fields=['slot'], name='extra_slot_due'),
        ),
        migrations.AddConstraint(
            model_name='extraslot',
            constraint=models.UniqueConstraint(fields=('monitor', 'slot'), name='extra_slot_once'),
        ),
        migrations.AddIndex(
            model_name='pace',
            index=models.Index(fields=['monitor', 'end'], name='pace_end'),
        ),
        migrations.AddIndex(
            model_name='pace',
            index=models.Index(condition=models.Q(('start', None)), fields=['id'], name='pace_asked_for'),
        ),
        migrations.AddIndex(
            model_name='monitor',
            index=models.Index(condition=models.Q(('deleted_at', None)), fields=['team', 'name'], name='monitor_alive'),
        ),
        migrations.AddIndex(
            model_name='monitor',
            index=models.Index(condition=models.Q(('deleted_at', None), models.Q(('domain', ''), _negated=True)), fields=['domain'], name='monitor_domain'),
        ),
        migrations.AddIndex(
            model_name='monitor',
            index=models.Index(condition=models.Q(('deleted_at', None), ('kind', 'heartbeat')), fields=['team', 'target'], name='heartbeat_short_name'),
        ),
        migrations.AddIndex(
            model_name='hourrollup',
            index=models.Index(fields=['start'], name='hour_rollup_start'),
        ),
        migrations.AddConstraint(
            model_name='expiry',
            constraint=models.UniqueConstraint(fields=('monitor', 'region'), name='expiry_once'),
        ),
        migrations.AddIndex(
            model_name='evidence',
            index=models.Index(fields=['slot'], name='evidence_slot'),
        ),
        migrations.AddConstraint(
            model_name='evidence',
            constraint=models.UniqueConstraint(fields=('monitor', 'region', 'slot'), name='evidence_once'),
        ),
        migrations.AddIndex(
            model_name='dayrollup',
            index=models.Index(fields=['start'], name='day_rollup_start'),
        ),
        migrations.AddIndex(
            model_name='bucket',
            index=models.Index(fields=['free_at'], name='bucket_free_at'),
        ),
        migrations.AddConstraint(
            model_name='bucket',
            constraint=models.UniqueConstraint(fields=('domain', 'region'), name='bucket_once'),
        ),
        migrations.AddIndex(
            model_name='regiontrouble',
            index=models.Index(fields=['end'], name='region_trouble_end'),
        ),
        migrations.AddConstraint(
            model_name='regiontrouble',
            constraint=models.UniqueConstraint(condition=models.Q(('end', None)), fields=('region', 'kind'), name='one_open_trouble'),
        ),
        migrations.AddConstraint(
            model_name='regionworker',
            constraint=models.UniqueConstraint(fields=('region', 'name'), name='region_worker_once'),
        ),
        migrations.AddIndex(
            model_name='statusinterval',
            index=models.Index(fields=['monitor', 'end'], name='interval_end'),
        ),
        migrations.AddConstraint(
            model_name='statusinterval',
            constraint=models.UniqueConstraint(condition=models.Q(('end', None)), fields=('monitor',), name='one_open_interval'),
        ),
        migrations.AddIndex(
            model_name='testrun',
            index=models.Index(fields=['expires_at'], name='test_run_expires'),
        ),
        migrations.AddIndex(
            model_name='testrun',
            index=models.Index(fields=['team', 'created_at'], name='test_run_of_team'),
        ),
        migrations.AddConstraint(
            model_name='testanswer',
            constraint=models.UniqueConstraint(fields=('run', 'number', 'region'), name='test_answer_once'),
        ),
    ]
