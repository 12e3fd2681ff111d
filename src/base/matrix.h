// A dense float matrix whose rows are padded with zeros to a multiple of four floats and start on
// 16 bytes, so that the kernels in simd.h need no remainder loop.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <span>
#include <vector>

namespace featherfm {

// emmalloc aligns to 8 bytes only; vector loads want 16.
template <class T>
struct Aligned16 {
  using value_type = T;
  Aligned16() = default;
  template <class U>
  Aligned16(const Aligned16<U>&) {}
  T* allocate(std::size_t n) {
    if (n > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_alloc();
    return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{16}));
  }
  void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t{16}); }
  template <class U>
  bool operator==(const Aligned16<U>&) const {
    return true;
  }
};

using AlignedFloats = std::vector<float, Aligned16<float>>;

constexpr std::size_t padded(std::size_t columns) {
  return (columns + 3) / 4 * 4;
}

// Whether no value is NaN or infinite. 0 times a finite number is 0, times anything else NaN: one
// pass without branches.
inline bool finite(std::span<const float> values) {
  float sum = 0;
  for (const float value : values) sum += value * 0.0f;
  return sum == 0;
}

class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t columns)
      : rows_(rows), columns_(columns), stride_(padded(columns)), values_(floats(rows)) {}

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  // Floats from one row to the next; the padding behind the columns is zero and stays zero.
  std::size_t stride() const { return stride_; }

  float* row(std::size_t r) { return values_.data() + r * stride_; }
  const float* row(std::size_t r) const { return values_.data() + r * stride_; }
  std::span<float> columns_of(std::size_t r) { return {row(r), columns_}; }
  std::span<const float> columns_of(std::size_t r) const { return {row(r), columns_}; }

  // The rows one after the other.
  std::vector<float> without_padding() const {
    std::vector<float> dense;
    dense.reserve(rows_ * columns_);
    for (std::size_t r = 0; r < rows_; ++r) {
      dense.insert(dense.end(), row(r), row(r) + columns_);
    }
    return dense;
  }

  // Appends zero rows.
  void grow(std::size_t rows) {
    values_.resize(floats(rows));
    rows_ = rows;
  }

  // Every float, padding included.
  std::span<const float> storage() const { return values_; }
  std::span<float> storage() { return values_; }

 private:
  // size_t has 32 bits in WebAssembly: a product that wraps around would allocate too little.
  std::size_t floats(std::size_t rows) const {
    if (stride_ != 0 && rows > std::numeric_limits<std::size_t>::max() / sizeof(float) / stride_) {
      throw std::bad_alloc();
    }
    return rows * stride_;
  }

  std::size_t rows_ = 0, columns_ = 0, stride_ = 0;
  AlignedFloats values_;
};

}  // namespace featherfm
