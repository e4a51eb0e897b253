#include "CLinuxHAL.h"
