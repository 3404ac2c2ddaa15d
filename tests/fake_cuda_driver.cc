// A CUDA driver with two devices, or with an answer that is not success.
#ifndef RESULT
#define RESULT 0
#endif

extern "C" int cuInit(unsigned flags) {
  return flags == 0 ? RESULT : 1;
}

extern "C" int cuDeviceGetCount(int* count) {
  *count = 2;
  return 0;
}
