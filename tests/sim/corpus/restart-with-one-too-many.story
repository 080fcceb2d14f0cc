# A restart with one instance too many drained in two turns what it may drain in one.
{"seed":4642,"deeds":[],"controllers":3,"fault_seconds":30.0,"rps":60.0,"lease_seconds":10.0}
{"do":"deploy","at":0.5,"shape":{"label":"v1","strategy":"rolling","replicas":2,"weights":[10.0,50.0],"hold":1.0,"wait":0.0,"bake":0.0,"delay":4.0,"dynamic":true,"surge":0,"unavailable":1,"floor":1.0,"judge":"threshold","deadline":20.0,"nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"ask","at":4.465,"verb":"unfreeze"}
{"do":"ask","at":4.629,"verb":"deny ana"}
{"do":"ask","at":4.666,"verb":"approve ana"}
{"do":"ask","at":8.342,"verb":"deny ana"}
{"do":"spoil","at":10.597,"point":"append","fate":"lost"}
{"do":"ask","at":11.018,"verb":"deny ana"}
{"do":"deploy","at":11.055,"shape":{"label":"v2","strategy":"recreate","replicas":4,"weights":[33.3],"hold":3.0,"pause":1,"wait":2.0,"bake":0.0,"delay":1.0,"surge":2,"floor":1.0,"automatic":false,"analysed":false,"deadline":20.0,"on_insufficient":"pass","nature":{"ready_seconds":[2.0,8.0],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"ask","at":11.233,"verb":"approve ana"}
{"do":"deploy","at":11.268,"shape":{"label":"v3","strategy":"rolling","weights":[20.0,40.0,60.0,80.0],"hold":0.0,"wait":0.0,"check":true,"bake":2.0,"delay":null,"routed":false,"surge":2,"floor":1.0,"judge":"threshold","deadline":20.0,"on_fail":"pause","on_inconclusive":"promote","on_insufficient":"pass","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.5},"approve":2,"windows":true}}
{"do":"ask","at":12.127,"verb":"approve ana"}
{"do":"deploy","at":13.033,"shape":{"label":"v5","strategy":"rolling","weights":[25.0],"hold":0.0,"judged":false,"wait":2.0,"check":true,"bake":2.0,"delay":1.0,"unavailable":1,"floor":0.5,"deadline":10.0,"on_insufficient":"hold","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"ask","at":14.169,"verb":"approve ana"}
{"do":"ask","at":16.581,"verb":"retry"}
{"do":"ask","at":17.119,"verb":"freeze 10 with rollback"}
{"do":"ask","at":17.463,"verb":"freeze"}
{"do":"ask","at":18.149,"verb":"abort"}
{"do":"deploy","at":18.377,"shape":{"label":"v1","strategy":"rolling","replicas":6,"weights":[10.0,50.0],"hold":1.0,"judged":false,"pause":1,"wait":0.0,"check":true,"bake":2.0,"delay":null,"unavailable":1,"floor":1.0,"automatic":false,"deadline":10.0,"on_fail":"pause","on_inconclusive":"promote","on_insufficient":"hold","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":5.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"ask","at":20.986,"verb":"deny ana"}
{"do":"ask","at":22.165,"verb":"approve ana"}
{"do":"deploy","at":22.978,"shape":{"label":"v2","replicas":4,"weights":[20.0,40.0,60.0,80.0],"hold":3.0,"wait":2.0,"check":true,"bake":0.0,"delay":null,"surge":2,"floor":1.0,"deadline":10.0,"on_insufficient":"hold","on_error":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":1.0,"crash_seconds":[0.1,3.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.5},"failing_check":true,"windows":true}}
{"do":"ask","at":24.389,"verb":"restart"}
{"do":"deploy","at":26.578,"shape":{"label":"v5","strategy":"recreate","replicas":1,"weights":[33.3],"hold":1.0,"judged":false,"wait":2.0,"bake":0.0,"delay":null,"dynamic":true,"surge":0,"unavailable":1,"floor":0.5,"judge":"threshold","deadline":10.0,"on_deadline":"report","on_fail":"pause","on_inconclusive":"rollback","on_insufficient":"fail","on_error":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0},"approve":1}}
