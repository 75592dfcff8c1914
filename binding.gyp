{
  # Compiles nothing itself: calls the recipe in csrc/CMakeLists.txt, so that node-gyp works. Not part of the package that is published:
  # npm would start node-gyp on every installation.
  'targets': [
    {
      'target_name': 'virnucpro',
      'type': 'none',
      'actions': [
        {
          'action_name': 'cmake',
          'inputs': [],
          'outputs': ['<(PRODUCT_DIR)/virnucpro.node', '<(PRODUCT_DIR)/virnucpro_loader.node'],
          'action': ['node', 'scripts/setup.mjs', 'typescript', 'libtorch', 'addon'],
        },
      ],
    },
  ],
}
