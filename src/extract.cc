#include "gamma_extract/extract.h"
