#include "gamma_extract/statistics.h"
