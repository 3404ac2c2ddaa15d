#include "gamma_extract/checkpoint.h"
