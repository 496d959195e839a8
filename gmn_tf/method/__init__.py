"""The paper, section by section; nothing here knows of `Config`."""
