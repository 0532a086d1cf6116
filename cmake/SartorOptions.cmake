# How everything is compiled: C++20, warnings are errors, one instruction set for one binary.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(SARTOR_SANITIZE "" CACHE STRING "sanitizers, as in -fsanitize=: address,undefined or thread,undefined")
# The preset asan leaves out what looks at every access to memory, which takes as long to compile as
# all the rest; the preset tsan has it, but for vptr: its probe opens a pipe and closes it behind TSan's
# back, and whoever gets that file descriptor next is accused of a race.
set(SARTOR_NO_SANITIZE "" CACHE STRING "parts of them to leave out, as in -fno-sanitize=")

# A clone in another folder finds what this one compiled: ccache sees paths relative to the source.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

# -Wrestrict: gcc 12 sees overlaps in std::string that are not there (gcc bug 105329).
# -Wmissing-field-initializers: naming a few members of a struct and leaving the rest at their defaults is our style.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wno-restrict -Wno-missing-field-initializers -Werror)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  # AVX2 and FMA: every server processor since 2013.
  add_compile_options(-march=x86-64-v3)
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
if(SARTOR_SANITIZE)
  add_compile_options(-fsanitize=${SARTOR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  if(SARTOR_NO_SANITIZE)
    add_compile_options(-fno-sanitize=${SARTOR_NO_SANITIZE})
  endif()
  # norelro: mold 1.10 may begin that segment between two pages, which the loader refuses.
  add_link_options(-fsanitize=${SARTOR_SANITIZE} -Wl,-z,norelro)
endif()
