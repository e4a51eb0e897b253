#ifndef BUSBAR_CLINUXHAL_H
#define BUSBAR_CLINUXHAL_H

#include "busbar_can.h"
#include "busbar_devices.h"
#include "busbar_process.h"

#endif
