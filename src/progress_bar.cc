#include "progress_bar.h"
