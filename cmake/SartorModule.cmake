include(GoogleTest)

# sartor_module(NAME SOURCES a.cc … TESTS a_test.cc … LINK targets…)
#   the static library sartor_NAME, and the test program NAME_test with one ctest entry per case.
function(sartor_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;TESTS;LINK;TEST_LINK" ${ARGN})
  add_library(sartor_${name} STATIC ${ARG_SOURCES})
  target_include_directories(sartor_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(sartor_${name} PUBLIC ${ARG_LINK})
  if(ARG_TESTS)
    add_executable(${name}_test ${ARG_TESTS})
    target_link_libraries(${name}_test PRIVATE sartor_${name} ${ARG_TEST_LINK} GTest::gmock_main)
    target_compile_definitions(${name}_test PRIVATE SARTOR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    gtest_discover_tests(${name}_test TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
                         PROPERTIES TIMEOUT 300 LABELS unit)
  endif()
endfunction()
