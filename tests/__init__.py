"""The tests by kind, what they share (`support`), what they read (`data`), and a model of openshift-apiserver (`openshift`)."""
