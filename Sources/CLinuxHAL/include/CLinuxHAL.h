#ifndef BUSBAR_CLINUXHAL_H
#define BUSBAR_CLINUXHAL_H

#include "busbar_process.h"

#endif
