"""Before anything loads NumPy: what the command line does for itself."""

import os

os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
