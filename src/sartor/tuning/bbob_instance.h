// What differs between instances of a BBOB function: the optimum's place and height, two rotations,
// and the peaks of Gallagher's functions, from the platform's own generator.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sartor/base/matrix.h"

namespace sartor {

// Gallagher's functions: the highest of Gaussian peaks, in the turned space.
struct BbobPeaks {
  Matrix<double> centre;  // peaks x dimension, already turned by `r`
  Matrix<double> scale;   // peaks x dimension, the diagonal of C_i
  std::vector<double> height;
};

struct BbobInstance {
  int function = 1;
  std::size_t dimension = 2;
  double optimum = 0;
  std::vector<double> minimum;  // x_opt
  Matrix<double> r;             // a rotation
  Matrix<double> q;             // another
  Matrix<double> map;           // r Lambda q, or Lambda q where the function turns once more itself
  BbobPeaks peaks;              // f21 and f22
};

BbobInstance make_bbob_instance(int function, std::size_t dimension, int instance);

// out = m x.
void multiply(const Matrix<double>& m, std::span<const double> x, std::span<double> out);

}  // namespace sartor
