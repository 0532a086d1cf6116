#include "sartor/stats/distributions.h"

#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cassert>
#include <cmath>

namespace sartor {
namespace {

namespace policies = boost::math::policies;

// Nothing is thrown, and doubles are not promoted: the same bits wherever double is IEEE.
using Quiet = policies::policy<
    policies::domain_error<policies::ignore_error>, policies::pole_error<policies::ignore_error>,
    policies::overflow_error<policies::ignore_error>,
    policies::underflow_error<policies::ignore_error>,
    policies::denorm_error<policies::ignore_error>,
    policies::rounding_error<policies::ignore_error>,
    policies::evaluation_error<policies::ignore_error>, policies::promote_double<false>>;
using StudentT = boost::math::students_t_distribution<double, Quiet>;
using Normal = boost::math::normal_distribution<double, Quiet>;
using ChiSquare = boost::math::chi_squared_distribution<double, Quiet>;

}  // namespace

double student_t_upper(double x, double dof) {
  assert(dof > 0);
  if (std::isinf(x)) return x > 0 ? 0 : 1;
  return boost::math::cdf(boost::math::complement(StudentT(dof), x));
}

double student_t_upper_quantile(double alpha, double dof) {
  assert(dof > 0 && alpha > 0 && alpha < 1);
  return boost::math::quantile(boost::math::complement(StudentT(dof), alpha));
}

double normal_upper(double x) {
  if (std::isinf(x)) return x > 0 ? 0 : 1;
  return boost::math::cdf(boost::math::complement(Normal(), x));
}

double normal_upper_quantile(double alpha) {
  assert(alpha > 0 && alpha < 1);
  return boost::math::quantile(boost::math::complement(Normal(), alpha));
}

double chi_square_upper_quantile(double alpha, double dof) {
  assert(dof > 0 && alpha > 0 && alpha < 1);
  return boost::math::quantile(boost::math::complement(ChiSquare(dof), alpha));
}

}  // namespace sartor
