#include "gamma_extract/column_sums.h"
