include(GoogleTest)

# What a test program is run with. LeakSanitizer needs ptrace, which some containers refuse: a probe
# at configure time decides, so that a refusal is a message here and not a failure of every test.
set(SARTOR_TEST_ENVIRONMENT OMP_WAIT_POLICY=passive)
if(SARTOR_SANITIZE MATCHES "address")
  if(NOT DEFINED SARTOR_LEAK_CHECK)
    file(WRITE ${CMAKE_BINARY_DIR}/leak_probe.cc "int main() { return 0; }\n")
    try_run(probe_exit probe_built ${CMAKE_BINARY_DIR}/leak_probe ${CMAKE_BINARY_DIR}/leak_probe.cc
            LINK_OPTIONS -fsanitize=address)
    if(probe_built AND probe_exit EQUAL 0)
      set(leaks 1)
    else()
      set(leaks 0)
      message(WARNING "LeakSanitizer cannot run here (no ptrace?): leaks are not looked for")
    endif()
    set(SARTOR_LEAK_CHECK ${leaks} CACHE INTERNAL "whether LeakSanitizer works on this machine")
  endif()
  list(APPEND SARTOR_TEST_ENVIRONMENT
       ASAN_OPTIONS=detect_leaks=${SARTOR_LEAK_CHECK}:strict_string_checks=1:check_initialization_order=1
       LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tools/lsan.supp:print_suppressions=0
       UBSAN_OPTIONS=print_stacktrace=1)
elseif(SARTOR_SANITIZE MATCHES "thread")
  # DuckDB holds more locks at once than TSan's deadlock detector can count.
  list(APPEND SARTOR_TEST_ENVIRONMENT
       TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tools/tsan.supp:halt_on_error=1:detect_deadlocks=0)
endif()

# Where the source lies, for tests and the demo that read its files: in one file of its own, so that the compiler
# cache knows the others in any folder.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/source_dir.cc @ONLY
     CONTENT "namespace sartor { extern const char* const kSourceDir;
const char* const kSourceDir = \"@CMAKE_SOURCE_DIR@\"; }\n")

set(SARTOR_FILES_AT_ONCE 1 CACHE STRING "source files that are compiled as one; 1: each by itself")

# sartor_joined(OUT TARGET a.cc b.cc …): sets OUT to files that include SARTOR_FILES_AT_ONCE of these
# each, which takes half the time. Not CMAKE_UNITY_BUILD: that writes absolute paths, so that neither
# the compiler cache nor __FILE__ would be the same in another folder.
function(sartor_joined out target)
  if(SARTOR_FILES_AT_ONCE LESS 2)
    set(${out} ${ARGN} PARENT_SCOPE)
    return()
  endif()
  set(joined "")
  set(text "")
  set(n 0)
  foreach(source ${ARGN})
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_SOURCE_DIR})
    string(APPEND text "#include \"${source}\"\n")
    math(EXPR n "${n} + 1")
    math(EXPR left "${n} % ${SARTOR_FILES_AT_ONCE}")
    list(LENGTH ARGN all)
    if(left EQUAL 0 OR n EQUAL all)
      set(file ${CMAKE_CURRENT_BINARY_DIR}/joined/${target}_${n}.cc)
      file(CONFIGURE OUTPUT ${file} CONTENT "${text}" @ONLY)
      set_source_files_properties(${file} PROPERTIES INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR})
      list(APPEND joined ${file})
      set(text "")
    endif()
  endforeach()
  set(${out} ${joined} PARENT_SCOPE)
endfunction()

# sartor_module(NAME SOURCES a.cc … ALONE b.cc … TESTS a_test.cc … LINK targets… TEST_LINK targets…)
#   the static library sartor_NAME, and the test program NAME_test. SOURCES and TESTS are compiled
#   several at a time (sartor_joined), ALONE never: kernels built per instruction set, giants of headers. Plain builds have one ctest entry
#   per case; sanitized ones have one per program (asan.NAME), for their start is slow, and leave out
#   what reads whole real data sets (*RealData*).
function(sartor_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ALONE;TESTS;LINK;TEST_LINK" ${ARGN})
  sartor_joined(sources sartor_${name} ${ARG_SOURCES})
  add_library(sartor_${name} STATIC ${sources} ${ARG_ALONE})
  target_include_directories(sartor_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(sartor_${name} PUBLIC ${ARG_LINK})
  if(NOT ARG_TESTS)
    return()
  endif()
  sartor_joined(tests ${name}_test ${ARG_TESTS})
  add_executable(${name}_test ${tests} ${CMAKE_BINARY_DIR}/source_dir.cc)
  target_link_libraries(${name}_test PRIVATE sartor_${name} ${ARG_TEST_LINK} GTest::gmock_main)
  # The library under test is as it ships; the test's own code need not be fast, but compile fast.
  target_compile_options(${name}_test PRIVATE $<$<CONFIG:Release>:-O1>)
  set_property(GLOBAL APPEND PROPERTY SARTOR_UNIT_TESTS ${name}_test)
  if(SARTOR_SANITIZE)
    cmake_path(GET CMAKE_BINARY_DIR FILENAME flavour)  # the preset's name
    add_test(NAME ${flavour}.${name} COMMAND ${name}_test --gtest_brief=1 --gtest_filter=-*RealData*)
    set_tests_properties(${flavour}.${name} PROPERTIES TIMEOUT 900 LABELS "unit;${flavour}"
                         ENVIRONMENT "${SARTOR_TEST_ENVIRONMENT}")
  else()
    gtest_discover_tests(${name}_test TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
                         PROPERTIES TIMEOUT 300 LABELS unit
                         ENVIRONMENT "${SARTOR_TEST_ENVIRONMENT}")
  endif()
endfunction()

# sartor_unit_tests(): the target unit_tests, every module's test program. Last of all.
function(sartor_unit_tests)
  get_property(programs GLOBAL PROPERTY SARTOR_UNIT_TESTS)
  add_custom_target(unit_tests DEPENDS ${programs})
endfunction()
