"""Make a process that imports moto start faster. Import this before moto; commands for AWS do not import it."""

import functools
import gc

import botocore.hooks
import botocore.loaders
import botocore.session
import yaml

# moto makes 200,000 objects that live until the process ends; by default the collector visits them very often.
gc.set_threshold(100_000, 20, 100)

# Without a shared loader each session of botocore reads the services' models and 1.2 MB of endpoints again. A local
# cloud and moto make dozens of sessions.
_loader = botocore.loaders.create_loader()
botocore.session.create_loader = lambda *_: _loader

# Each session would look up the alias of each of its 130 built-in events, and the signature of each handler.
_alias = functools.cache(botocore.hooks.EventAliaser(None)._alias_event_name)
botocore.hooks.EventAliaser._alias_event_name = lambda _, name: _alias(name)
_accepts_kwargs = functools.cache(botocore.hooks.accepts_kwargs)
botocore.hooks.accepts_kwargs = lambda handler: _accepts_kwargs(getattr(handler, "__func__", handler))

# moto reads a template four times to create or update its stack. libyaml, which wheels of PyYAML contain, is ten times
# as fast. Setting both names changes `yaml.load(…, yaml.Loader)` and `yaml.add_multi_constructor`.
if yaml.__with_libyaml__:
    yaml.Loader = yaml.loader.Loader = yaml.CLoader

import moto.core.utils  # noqa: E402 - after all of the above

# Without a shared loader moto lists the folders of all services of AWS again for each service that it serves.
moto.core.utils.create_loader = functools.cache(moto.core.utils.create_loader)
