// Adam's bias correction (Kingma, Ba 2015) for one row or column, which counts its own steps. The
// powers of beta are kept as running products: no pow, same bits everywhere.
#pragma once

namespace featherfm {

// What the running means of the gradient and of its square are multiplied by.
struct AdamCorrection {
  float mean, square;
};

struct AdamPowers {
  float beta1 = 1, beta2 = 1;
  AdamCorrection next(float b1, float b2) {
    beta1 *= b1;
    beta2 *= b2;
    return {1 / (1 - beta1), 1 / (1 - beta2)};
  }
};

}  // namespace featherfm
