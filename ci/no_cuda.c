/* A libcuda.so.1 without a device, so that libraries linked against the driver can be loaded: each entry reports
   CUDA_ERROR_NO_DEVICE (100). */
int cuInit(unsigned flags) { return 100; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *count) { *count = 0; return 100; }
int cuPointerGetAttribute(void *data, int attribute, unsigned long long pointer) { return 100; }
int cuGetErrorString(int error, const char **text) { *text = "no device"; return 0; }
int cuGetErrorName(int error, const char **text) { *text = "CUDA_ERROR_NO_DEVICE"; return 0; }
