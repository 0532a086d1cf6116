// Tails and quantiles of Student's t, the normal and the chi-square distribution. Boost.Math stays
// behind this file.
#pragma once

namespace sartor {

// P(T > x) for Student's t with `dof` > 0 degrees of freedom; accurate in both tails. x may be
// infinite; NaN gives NaN.
double student_t_upper(double x, double dof);

// The x with P(T > x) = alpha; 0 < alpha < 1.
double student_t_upper_quantile(double alpha, double dof);

// P(Z > x).
double normal_upper(double x);

// The x with P(Z > x) = alpha; 0 < alpha < 1.
double normal_upper_quantile(double alpha);

// The x with P(X > x) = alpha for chi-square with `dof` > 0 degrees of freedom; 0 < alpha < 1.
double chi_square_upper_quantile(double alpha, double dof);

}  // namespace sartor
