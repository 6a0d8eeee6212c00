/* For files that compute with floating-point numbers: sums decide between segmentations that are equally probable, so
   each sum is rounded as Python does. */
#ifndef KXCLI_DOUBLES_H
#define KXCLI_DOUBLES_H

#include <float.h>

#if defined(__FAST_MATH__) || FLT_EVAL_METHOD != 0
#error "doubles are not computed in double precision: build without -ffast-math, on x86 with -msse2 -mfpmath=sse"
#endif

#endif
