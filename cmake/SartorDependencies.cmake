# Debian packages (tools/packages.txt), and what tools/setup.sh fetches into build/deps and checks.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)

# OpenBLAS, the openmp flavour, by its own name: Debian's `libblas` alternative may be anything.
find_library(OPENBLAS_LIBRARY openblas PATHS /usr/lib/x86_64-linux-gnu/openblas-openmp
             /usr/lib/aarch64-linux-gnu/openblas-openmp NO_DEFAULT_PATH REQUIRED)
find_path(OPENBLAS_INCLUDE cblas.h PATHS /usr/include/x86_64-linux-gnu/openblas-openmp
          /usr/include/aarch64-linux-gnu/openblas-openmp NO_DEFAULT_PATH REQUIRED)
add_library(openblas SHARED IMPORTED)
set_target_properties(openblas PROPERTIES IMPORTED_LOCATION ${OPENBLAS_LIBRARY}
                      INTERFACE_INCLUDE_DIRECTORIES ${OPENBLAS_INCLUDE})

set(SARTOR_DEPS ${CMAKE_SOURCE_DIR}/build/deps CACHE PATH "where tools/setup.sh put DuckDB and LightGBM")
add_library(lightgbm SHARED IMPORTED)
set_target_properties(lightgbm PROPERTIES IMPORTED_LOCATION ${SARTOR_DEPS}/lightgbm/lib_lightgbm.so)
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES IMPORTED_LOCATION ${SARTOR_DEPS}/duckdb/libduckdb.so
                      INTERFACE_INCLUDE_DIRECTORIES ${SARTOR_DEPS}/duckdb)
