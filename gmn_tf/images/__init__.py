"""From images to features: what the paper takes as given.

`backbone_table` lists the networks (a new one is a row there) and `backbones`
builds them; `hub_backbones` has those of KerasHub, and `backbone_records`
compares what is recorded of each. `image_folder` finds the images. `decoding`
reads them with TensorFlow, as exported models do, with the help of
`orientation` and `file_bytes`, and `pillow` those that TensorFlow cannot read.
`image_batches` runs a network over them, `extraction` does this for a whole
folder, and `feature_store` keeps the features. `custom_images` makes the
features of a user's own data.
"""
