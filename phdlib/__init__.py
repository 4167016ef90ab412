"""phdlib: two papers of 3D human motion, PHD and VideoPose3D, as code that runs. Nothing heavy is imported here."""

__version__ = "0.1.0"
