"""From images to features: what the paper takes as given.

`backbones` (with `backbone_table`, `backbone_weights`) are the networks;
`extraction` runs them over the images that `image_folder` finds, decoded by
`image_batches`, part after part (`image_parts`, `extraction_parts`), and leaves
`extraction_result`, of which `extraction_summary` tells.
"""
