"""What moto lacks of AWS, one file per gap, in a folder per service.

The module docstring of a gap says what AWS does, with the source, and what the pinned moto does instead. Its code is a
`Gap` (`patching`): the attributes of moto that it replaces; a type that CloudFormation lacks is a `Resource`
(`cloudformation.resource`). `registry` names all gaps in their order, fills them, and restores plain moto.

To add a gap: its file, its line in the registry, a test of what AWS does, and one that plain moto still does otherwise.
When that last test fails, moto has closed the gap: delete the file and its line.
"""
