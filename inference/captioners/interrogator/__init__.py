"""CLIP-Interrogator: another captioner's sentence and the phrases that a dual encoder finds most similar."""

from inference.checkpoints.formats import Family

FAMILY = Family(
    name="interrogator",
    captioner="inference.captioners.interrogator.captioner:Interrogator",
    has_generation=False,
)
