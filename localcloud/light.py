"""What makes a process with moto in it start faster. To be imported before moto; no command for AWS imports it."""

import gc

import botocore.loaders
import botocore.session

# Most of what moto makes stays: the collector need not look through 200,000 objects every 700 new ones.
gc.set_threshold(100_000, 20, 100)

# Each session of botocore's would read the services' models and 1.2 MB of endpoints anew. A cloud and moto make dozens.
_loader = botocore.loaders.create_loader()
botocore.session.create_loader = lambda *_: _loader
