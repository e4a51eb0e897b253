// Only proves that the umbrella header stands on its own; the code is in a file per subject.
#include "CLinuxHAL.h"
