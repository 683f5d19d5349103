"""Make a process that imports moto start faster. Import this before moto; commands for AWS do not import it."""

import gc

import botocore.loaders
import botocore.session
import yaml

# moto makes 200,000 objects that live until the process ends; by default the collector visits them very often.
gc.set_threshold(100_000, 20, 100)

# Without a shared loader each session of botocore reads the services' models and 1.2 MB of endpoints again. A local
# cloud and moto make dozens of sessions.
_loader = botocore.loaders.create_loader()
botocore.session.create_loader = lambda *_: _loader

# moto reads a template four times to create or update its stack. libyaml, which wheels of PyYAML contain, is ten times
# as fast. Setting both names changes `yaml.load(…, yaml.Loader)` and `yaml.add_multi_constructor`.
if yaml.__with_libyaml__:
    yaml.Loader = yaml.loader.Loader = yaml.CLoader
