#include "matrix_module.h"
