#include "gamma_extract/safetensors.h"
