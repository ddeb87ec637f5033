"""Full-text search over message text, words as written in any language."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]
    operations = [
        migrations.AddIndex(
            "message",
            GinIndex(SearchVector("text", config="simple"), name="message_words"),
        )
    ]
