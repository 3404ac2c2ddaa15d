#include "gamma_extract/text.h"
