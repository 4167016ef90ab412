"""Sources of motion, one file each; all of them yield :class:`phdlib.data.clip.Clip`."""
