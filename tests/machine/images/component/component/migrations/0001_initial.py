# SPDX-License-Identifier: Apache-2.0
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Job", [
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("held", models.BooleanField(default=False)),
            ("worker", models.CharField(max_length=64, default="")),
            ("attempts", models.IntegerField(default=0)),
            ("ended", models.DateTimeField(null=True)),
        ]),
        migrations.CreateModel("Tick", [
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("worker", models.CharField(max_length=64)),
        ]),
    ]
