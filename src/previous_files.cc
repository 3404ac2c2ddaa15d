#include "previous_files.h"
