#include "gamma_extract/unembedding.h"
