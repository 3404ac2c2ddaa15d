#include "gamma_extract/model_name.h"
