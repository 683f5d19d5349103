"""What moto lacks of AWS, one file per gap, in a folder per service.

The module docstring of a gap says what AWS does, with the source, and what the pinned moto does instead. Its code is a
`Gap` (`patching`): the attributes of moto that it replaces. `registry` names all gaps in their order, fills them, and
undoes that. When moto closes a gap by itself a test fails: then delete the file and its line in the registry.
"""
