// The step rules of the hybrid model on one row of parameters, four floats wide, with scalar twins
// as in base/simd.h.
#pragma once

#include <cmath>
#include <cstddef>

#include "base/simd.h"

namespace featherfm {

// AdaDelta's constants (Zeiler 2012).
struct AdadeltaMemory {
  float rho, epsilon;
};

namespace simd {

// One AdaGrad step along the gradient g = factor source, on parameters that are `scale` times the
// row that is stored; `unscale` is 1 / scale:
//   row <- row - unscale rate / sqrt(G) g,   G <- G + g^2
// Returns the sum of rate / sqrt(G), the step sizes.
inline float adagrad_along(float* __restrict row, float* __restrict squares,
                           const float* __restrict source, float factor, float rate, float unscale,
                           std::size_t n) {
  const f4 f = splat(factor), r = splat(rate), u = splat(unscale);
  f4 sum = splat(0);
  for (std::size_t i = 0; i < n; i += 4) {
    const f4 g = f * load4(source + i), square = load4(squares + i);
    const f4 size = r / sqrt4(square);
    sum += size;
    at4(row + i) -= u * (size * g);
    at4(squares + i) = square + g * g;
  }
  return sum4(sum);
}

// The same by AdaDelta:
//   G <- rho G + (1 - rho) g^2,   size = sqrt(D + epsilon) / sqrt(G + epsilon)
//   row <- row - unscale size g,   D <- rho D + (1 - rho) (size g)^2
inline float adadelta_along(float* __restrict row, float* __restrict squares,
                            float* __restrict steps, const float* __restrict source, float factor,
                            AdadeltaMemory memory, float unscale, std::size_t n) {
  const f4 f = splat(factor), u = splat(unscale), rho = splat(memory.rho),
           rest = splat(1 - memory.rho), epsilon = splat(memory.epsilon);
  f4 sum = splat(0);
  for (std::size_t i = 0; i < n; i += 4) {
    const f4 g = f * load4(source + i), past = load4(steps + i);
    const f4 square = rho * load4(squares + i) + rest * (g * g);
    const f4 size = sqrt4(past + epsilon) / sqrt4(square + epsilon);
    const f4 step = size * g;
    sum += size;
    at4(squares + i) = square;
    at4(steps + i) = rho * past + rest * (step * step);
    at4(row + i) -= u * step;
  }
  return sum4(sum);
}

}  // namespace simd

namespace scalar {

inline float adagrad_along(float* row, float* squares, const float* source, float factor,
                           float rate, float unscale, std::size_t n) {
  float sum[4] = {0, 0, 0, 0};
  for (std::size_t i = 0; i < n; ++i) {
    const float g = factor * source[i], size = rate / std::sqrt(squares[i]);
    sum[i % 4] += size;
    row[i] -= unscale * (size * g);
    squares[i] += g * g;
  }
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

inline float adadelta_along(float* row, float* squares, float* steps, const float* source,
                            float factor, AdadeltaMemory memory, float unscale, std::size_t n) {
  const float rest = 1 - memory.rho;
  float sum[4] = {0, 0, 0, 0};
  for (std::size_t i = 0; i < n; ++i) {
    const float g = factor * source[i];
    squares[i] = memory.rho * squares[i] + rest * (g * g);
    const float size =
        std::sqrt(steps[i] + memory.epsilon) / std::sqrt(squares[i] + memory.epsilon);
    const float step = size * g;
    sum[i % 4] += size;
    steps[i] = memory.rho * steps[i] + rest * (step * step);
    row[i] -= unscale * step;
  }
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

}  // namespace scalar

}  // namespace featherfm
