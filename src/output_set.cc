#include "gamma_extract/output_set.h"
