// What an interaction says under a model of implicit feedback (Hu, Koren, Volinsky 2008): everybody
// has a preference of 1 or 0 for everything, known with more or less confidence.
#pragma once

#include <cstddef>
#include <optional>

#include "base/portable_math.h"

namespace featherfm {

// The loss of preferences p(u, i) and scores s(u, i), with w = unobserved_weight:
//   sum over all pairs of w (0 - s)^2, but for the observed ones (w + |strength|) (p - s)^2
// A strength above 0 makes the preference 1; one below is a dislike, of which the model is surer
// than of what was never met; 0 is no observation. With w = 1 a strength of alpha times the value
// is the paper's confidence 1 + alpha r.
struct ImplicitRule {
  float alpha = 1;
  float unobserved_weight = 1;
  // Given: values from here on are likes, those below dislikes, all of strength alpha. Empty: the
  // strength grows with the value, and values below 0 are dislikes.
  std::optional<float> positive_from;

  float strength(float value, float weight) const {
    if (!positive_from) return alpha * weight * value;
    return value >= *positive_from ? alpha * weight : -alpha * weight;
  }

  // What a strength adds to the right-hand side of the normal equations: confidence times
  // preference.
  float pull(float strength) const { return strength > 0 ? unobserved_weight + strength : 0; }
};

// The penalty of a row with `count` observations among `others` rows of the other side:
//   lambda (count + unobserved_weight others)^scaling
// (Rendle, Krichene, Zhang, Koren 2022, Revisiting the Performance of iALS on Item Recommendation
// Benchmarks)
inline float implicit_penalty(float lambda, float scaling, float unobserved_weight,
                              std::size_t count, std::size_t others) {
  const double base = static_cast<double>(count) + double{unobserved_weight} * double(others);
  if (scaling == 0 || base == 0) return lambda;
  return static_cast<float>(double{lambda} * portable_pow(base, double{scaling}));
}

}  // namespace featherfm
