"""ruDOLPH (Shonenkov et al., 2022): photos as codes in one transformer with the texts around them."""

from inference.captioners.rudolph.captioning import RudolphCaptioner

__all__ = ["RudolphCaptioner"]
